"""What three attention papers claim, and what ``hpsolver.operators`` does: one script a paper."""
