"""`onebyone bench`: sliding timed against what people use today, by cases that are data."""
