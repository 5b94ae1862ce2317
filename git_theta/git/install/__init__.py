"""Installation into Git: settings, hooks, the check before a push."""
