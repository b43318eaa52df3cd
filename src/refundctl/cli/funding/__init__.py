"""The commands about what is owed: publish, top up, run, plan, approve."""
