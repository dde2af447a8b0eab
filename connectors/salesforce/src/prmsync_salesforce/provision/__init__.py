"""What prmsync needs in an org: compared, named, and made by the Metadata API."""
