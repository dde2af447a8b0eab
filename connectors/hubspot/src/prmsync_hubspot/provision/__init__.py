"""What prmsync needs in an account: compared, named, and made with an admin's sign-in."""
