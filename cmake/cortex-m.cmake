# SPDX-License-Identifier: BSD-3-Clause
# Cortex-M without an operating system. AMPHORA_CPU: as for -mcpu, cortex-m4 by default.
set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_SYSTEM_PROCESSOR cortex-m)
set(CMAKE_C_COMPILER arm-none-eabi-gcc)
set(CMAKE_ASM_COMPILER arm-none-eabi-gcc)
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
set(AMPHORA_CPU cortex-m4 CACHE STRING "As for -mcpu")
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES AMPHORA_CPU)
set(CMAKE_C_FLAGS_INIT "-mcpu=${AMPHORA_CPU} -mthumb -mfloat-abi=soft -ffreestanding -ffunction-sections -fdata-sections")
set(CMAKE_ASM_FLAGS_INIT "-mcpu=${AMPHORA_CPU} -mthumb -mfloat-abi=soft")
set(CMAKE_EXE_LINKER_FLAGS_INIT "-nostdlib -nostartfiles -static -Wl,--gc-sections")
