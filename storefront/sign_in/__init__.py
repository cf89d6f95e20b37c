"""How people sign in: by a mailed code, by an identity provider, and with a second factor where they have one."""
