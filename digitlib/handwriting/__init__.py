"""From a photograph or drawing to digits."""
