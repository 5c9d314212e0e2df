"""What the assets use from outside: the lake and the warehouse's lease."""
