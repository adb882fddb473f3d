# cmake --install, and find_package(mica).
