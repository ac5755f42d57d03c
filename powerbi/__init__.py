"""The Power BI project as text, its checks, and the refreshes of its model."""
