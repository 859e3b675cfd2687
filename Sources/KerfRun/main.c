// kerf-run: the program around Sources/Device.

int kerf_run(int count, char **values);

int main(int count, char **values) { return kerf_run(count, values); }
