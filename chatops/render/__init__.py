"""Plans, events and tables for a person's eyes, or as JSON lines for a program's. The only place that knows rich."""
