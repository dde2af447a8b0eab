// What a client does that nobody here wrote. Prints what it saw as one JSON object.
import { createRequire } from 'node:module';

const [base, folder, credentials] = process.argv.slice(2);
const require = createRequire(`${folder}/package.json`);
const { Client, Signature } = require('@hubspot/api-client');
const { accessToken, clientId, clientSecret, refreshToken, webhook } = JSON.parse(credentials);

const hubspot = new Client({ accessToken, basePath: base, numberOfApiCallRetries: 3 });
const { companies, deals, contacts } = hubspot.crm;
const seen = {};

const tokens = await new Client({ basePath: base }).oauth.tokensApi.create(
  'refresh_token', undefined, undefined, clientId, clientSecret, refreshToken,
);
const signedIn = new Client({ accessToken: tokens.accessToken, basePath: base });
seen.tokenOf = (await hubspot.oauth.accessTokensApi.get(tokens.accessToken)).hubId;

const company = await companies.basicApi.create({ properties: { name: 'Acme' }, associations: [] });
await companies.basicApi.update(company.id, { properties: { name: 'Acme Ltd' } });
const read = await signedIn.crm.companies.basicApi.getById(company.id, ['name', 'domain'], ['name']);
seen.company = [read.properties.name, read.properties.domain, read.updatedAt instanceof Date];
seen.history = read.propertiesWithHistory.name.map((one) => one.value);

const inputs = Array.from({ length: 100 }, (_, n) => ({
  id: `k-${n}`,
  idProperty: 'prm_opportunity_id',
  properties: { dealname: `Deal ${n}`, amount: String(n) },
}));
const upserted = await deals.batchApi.upsert({ inputs });
seen.upserted = upserted.results.filter((one) => one._new).length;
inputs[0].properties.amount = 'many';
inputs.forEach((one, n) => { one.objectWriteTraceId = String(n); });
const partly = await deals.batchApi.upsert({ inputs });
seen.partly = [partly.results.length, partly.numErrors, partly.errors[0].context];
seen.all = (await deals.getAll(30, undefined, ['dealname'])).length;

const found = await deals.searchApi.doSearch({
  filterGroups: [{ filters: [{ propertyName: 'amount', operator: 'GTE', value: '98' }] }],
  sorts: ['-amount'],
  properties: ['dealname'],
});
seen.found = found.results.map((one) => one.properties.dealname);

const v4 = hubspot.crm.associations.v4;
const labels = await v4.schema.definitionsApi.getAll('deals', 'companies');
const reseller = labels.results.find((one) => one.label === 'Reseller');
const spec = { associationCategory: reseller.category, associationTypeId: reseller.typeId };
await v4.basicApi.create('deals', found.results[0].id, 'companies', company.id, [spec]);
const held = await v4.batchApi.getPage('deals', 'companies', {
  inputs: found.results.map((one) => ({ id: one.id })),
});
seen.associations = [
  held.results[0].to[0].associationTypes.map((one) => one.label).sort(),
  held.errors[0].subCategory,
];

// Every second record is made with status 200, which the client takes for a failure.
seen.created = [];
for (const email of ['a@example.com', 'a@example.com', 'b@example.com']) {
  try {
    await contacts.basicApi.create({ properties: { email }, associations: [] });
    seen.created.push('made');
  } catch (error) {
    seen.created.push([error.code, error.body.category]);
  }
}

const rule = { path: '/search', status: 429, code: 'RATE_LIMITS', times: 1 };
await fetch(`${base}/_simulator/faults`, { method: 'POST', body: JSON.stringify(rule) });
seen.repeated = (await companies.searchApi.doSearch({ query: 'acme' })).total;

seen.properties = (await hubspot.crm.properties.coreApi.getAll('deals')).results.length;
const pipelines = await hubspot.crm.pipelines.pipelinesApi.getAll('deals');
seen.stages = pipelines.results[0].stages.map((one) => one.label);
seen.schemas = (await hubspot.crm.schemas.coreApi.getAll()).results.map((one) => one.name);
seen.owners = (await hubspot.crm.owners.ownersApi.getPage()).results.length;
const dated = await hubspot.apiRequest({ path: '/crm/objects/2026-09/0-3?limit=2' });
seen.dated = (await dated.json()).results.length;
seen.signature = Signature.isValid({ ...webhook, clientSecret, signatureVersion: 'v3' });
console.log(JSON.stringify(seen));
