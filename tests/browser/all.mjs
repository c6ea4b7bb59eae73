// All tests in one process with one browser: starting another takes longer than most of them.
import "./report.mjs";
import "./many.mjs";
import "./hostile.mjs";
import "./access.mjs";
