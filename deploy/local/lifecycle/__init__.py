"""Starting, stopping and showing the local stack; not what its parts are: that is in `deploy.local.services`."""
