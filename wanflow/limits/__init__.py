"""What may be spent and sent: budget, room on the disk, and the pace of a lane. Pure but for the look at the disk."""
