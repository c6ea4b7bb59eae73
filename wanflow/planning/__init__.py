"""Jobs and what the store knows -> a plan: what happens, why, and where pictures go. Nothing is paid or asked here."""
