"""Makes a picture of an idea: writes the prompt, has it painted, records the result."""
