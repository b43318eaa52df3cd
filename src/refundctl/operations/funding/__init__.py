"""What an operator does with what is owed: publish, top up, run, plan, approve."""
