"""Results of tests as tables, JSON, JUnit XML, Markdown and charts."""
