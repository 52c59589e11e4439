"""The only SQL: values in, values out, one transaction a method."""
