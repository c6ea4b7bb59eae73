"""What `import wanflow` offers programs and notebooks: functions, and values that show themselves."""
