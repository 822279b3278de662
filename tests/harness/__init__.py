"""What the end-to-end tests and the demo share: a real config service, and a probe in each language."""
