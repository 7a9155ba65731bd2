"""Dead letters: what is known of jobs that failed for good, and their way back."""
