# SPDX-License-Identifier: BSD-3-Clause
# Linux on arm64, with Debian's cross compiler, and with the libraries in the folder AMPHORA_SYSROOT
# (vsoc/build-sysroot makes one).
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_ASM_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_TRY_COMPILE_PLATFORM_VARIABLES AMPHORA_SYSROOT)
if(AMPHORA_SYSROOT)
	set(CMAKE_PREFIX_PATH ${AMPHORA_SYSROOT}/usr)
	set(ENV{PKG_CONFIG_SYSROOT_DIR} ${AMPHORA_SYSROOT})
	set(ENV{PKG_CONFIG_LIBDIR} ${AMPHORA_SYSROOT}/usr/lib/aarch64-linux-gnu/pkgconfig)
	# libraries that a library needs
	set(CMAKE_EXE_LINKER_FLAGS_INIT "-Wl,-rpath-link,${AMPHORA_SYSROOT}/lib/aarch64-linux-gnu")
endif()
