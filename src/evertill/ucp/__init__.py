"""The public JSON API for buying: UCP 2026-04-08 over REST, on the same verbs as the pages."""
