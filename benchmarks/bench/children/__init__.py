"""Programs that `make bench` runs in processes of their own, also over an older version of the package."""
