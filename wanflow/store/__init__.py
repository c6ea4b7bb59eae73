"""What a project remembers, in .wanflow/: pictures by content (blobs) and what is known about them (index)."""
