"""The secrets of an instance: drawn, named, changed while it runs, looked for outside of their files."""
