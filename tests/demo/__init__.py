"""`make demo`: a hub and clinics on this machine, with people in them, a link that breaks and is mended."""
