"""Files of every format -> rows with stable keys; and which files may be read and written at all."""
