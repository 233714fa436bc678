"""The hub: what clinics exchange their records through, and where they are administered."""
