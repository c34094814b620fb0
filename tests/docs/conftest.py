def pytest_configure(config):
    config.addinivalue_line("markers", "slow: takes half a minute or more")
