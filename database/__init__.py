"""The database: numbered migrations, views, and the small runner that applies them."""
