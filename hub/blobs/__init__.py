"""Files: encrypted, named by their content, in a folder or an S3-compatible store."""
