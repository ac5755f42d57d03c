"""Pictures of the report for the documentation, drawn from the project's own files. No screenshots of Power BI."""
