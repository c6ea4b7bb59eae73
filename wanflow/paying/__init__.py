"""Paid calls, each done by one task: claimed, sent, taken up again, salvaged. Nobody else spends money."""
