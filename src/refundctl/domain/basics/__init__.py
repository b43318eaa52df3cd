"""What all other rules stand on: errors, mistakes, money, days and countries."""
