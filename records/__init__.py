"""What happened: tables, migrations, the store, import with quarantine, the synthetic world."""
