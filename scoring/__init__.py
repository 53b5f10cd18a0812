"""Models and rules turn records into what we now believe: tutor scores and stored predictions."""
