"""What three attention papers claim beside what ``hpsolver.operators`` does: one script per paper."""
