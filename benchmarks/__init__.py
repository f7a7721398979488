"""Speed of nethood beside smbd, measured with other people's clients: `python -m benchmarks`."""
