"""Pictures named by an address or written out in it: what may be asked, decided before anything is."""
