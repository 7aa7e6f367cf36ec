"""Reading a query: conditions on facts, on people and dates, and what no rule covers."""
