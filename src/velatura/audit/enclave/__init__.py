"""The enclave's part of an audit: forged evidence, ways out of the job's process, and a word of the data that must stay in it."""
