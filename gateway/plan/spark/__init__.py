"""What Spark can be asked: texts in its dialect, files that its scans read. What is not proven is refused."""
