"""The refresh of the Power BI model: asked for, followed to its end, and when the next one is due. No Dagster."""
