// What a client does that nobody here wrote. Prints what it saw as one JSON object.
import { createRequire } from 'node:module';

const [base, folder] = process.argv.slice(2);
const require = createRequire(`${folder}/package.json`);
const jsforce = require('jsforce');

const connection = new jsforce.Connection({
  instanceUrl: base,
  version: '68.0',
  oauth2: { loginUrl: base, clientId: 'prmsync-simulator', clientSecret: 'simulator-secret' },
});
await connection.authorize({ grant_type: 'client_credentials' });

const seen = {};
seen.identity = (await connection.identity()).username;

const account = connection.sobject('Account');
const made = await account.create({ Name: 'Acme', PRM_Partner_Id__c: 'p-1' });
await account.update({ Id: made.id, Website: 'acme.example' });
seen.account = await account.retrieve(made.id, { fields: ['Name', 'Website'] });
seen.upserts = [];
for (const name of ['One', 'Two']) {
  const row = { PRM_Partner_Id__c: 'p-2', Name: name };
  seen.upserts.push((await account.upsert(row, 'PRM_Partner_Id__c')).success);
}

const rows = Array.from({ length: 2100 }, (_, n) => ({
  Name: `Deal ${n}`,
  StageName: 'Prospecting',
  CloseDate: '2026-12-01',
  PRM_Opportunity_Id__c: `k-${n}`,
  AccountId: made.id,
}));
const created = await connection.sobject('Opportunity').create(rows, { allowRecursive: true });
seen.created = created.filter((one) => one.success).length;
const soql = "SELECT Id, Name, Account.Name FROM Opportunity WHERE Name LIKE 'Deal%' ORDER BY Name";
const found = await connection.query(soql, { autoFetch: true, maxFetch: 5000 });
seen.queried = found.records.length;
seen.parent = found.records[0].Account.Name;

const bad = { Id: created[0].id, CloseDate: 'never' };
seen.refused = await connection
  .sobject('Opportunity')
  .update(bad)
  .then(() => 'taken', (error) => error.errorCode);

const bulk = await connection.bulk2.loadAndWaitForResults({
  object: 'Opportunity',
  operation: 'upsert',
  externalIdFieldName: 'PRM_Opportunity_Id__c',
  input: [
    { PRM_Opportunity_Id__c: 'k-1', Name: 'By bulk' },
    { PRM_Opportunity_Id__c: 'k-new', Name: 'No stage' },
  ],
  pollInterval: 50,
  pollTimeout: 20000,
});
seen.bulk = [bulk.successfulResults.length, bulk.failedResults[0].sf__Error];
connection.bulk2.pollInterval = 50;
const stream = await connection.bulk2.query("SELECT Name FROM Opportunity WHERE Name = 'By bulk'");
seen.bulkQuery = await stream.toArray();

seen.objects = (await connection.describeGlobal()).sobjects.map((one) => one.name);
seen.fields = (await connection.describe('Opportunity')).fields.length;
await account.destroy(made.id);
const from = new Date(Date.now() - 3600e3).toISOString();
const until = new Date(Date.now() + 3600e3).toISOString();
seen.deleted = (await account.deleted(from, until)).deletedRecords.map((one) => one.id);
seen.expected = made.id;
const tooling = "SELECT QualifiedApiName FROM EntityDefinition WHERE QualifiedApiName = 'Account'";
seen.tooling = (await connection.tooling.query(tooling)).records[0].QualifiedApiName;
seen.limit = connection.limitInfo.apiUsage.limit;
console.log(JSON.stringify(seen));
