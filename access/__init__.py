"""Who may do what: API keys and scopes, people and roles, the audit log."""
