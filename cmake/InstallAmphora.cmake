# SPDX-License-Identifier: BSD-3-Clause
# What `cmake --install` puts where: headers, both libraries, pkg-config and CMake package files,
# man pages, the command line and the firmware. Libraries and packages can be moved afterwards.
include(CMakePackageConfigHelpers)

install(DIRECTORY include/amphora DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")
install(TARGETS amphora_static amphora_shared EXPORT amphora-targets
	ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(FILES LICENSE README.md DESTINATION ${CMAKE_INSTALL_DOCDIR})

# The rest is what a build may not have: a tool, pages, firmware for a processor without compiler.
if(TARGET amphora)
	install(TARGETS amphora RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
foreach(section 1 3 7)
	file(GLOB pages CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/docs/man/*.${section})
	if(pages)
		install(FILES ${pages} DESTINATION ${CMAKE_INSTALL_MANDIR}/man${section})
	endif()
endforeach()
install(DIRECTORY ${PROJECT_BINARY_DIR}/share/amphora/ USE_SOURCE_PERMISSIONS OPTIONAL
	DESTINATION ${CMAKE_INSTALL_DATADIR}/amphora)

# pkg-config: relative to the .pc file, so that an installed tree can be moved.
file(RELATIVE_PATH amphora_pc_prefix /prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig /prefix)
if(IS_ABSOLUTE "${CMAKE_INSTALL_LIBDIR}")
	set(amphora_pc_prefix_line "prefix=${CMAKE_INSTALL_PREFIX}")
	set(amphora_pc_libdir "${CMAKE_INSTALL_LIBDIR}")
else()
	set(amphora_pc_prefix_line "prefix=\${pcfiledir}/${amphora_pc_prefix}")
	string(REGEX REPLACE "/$" "" amphora_pc_prefix_line "${amphora_pc_prefix_line}")
	set(amphora_pc_libdir "\${prefix}/${CMAKE_INSTALL_LIBDIR}")
endif()
configure_file(cmake/amphora.pc.in amphora.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/amphora.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

# CMake: find_package(amphora) brings amphora::amphora (shared) and amphora::static.
set(package ${CMAKE_INSTALL_LIBDIR}/cmake/amphora)
install(EXPORT amphora-targets NAMESPACE amphora:: DESTINATION ${package})
configure_package_config_file(cmake/amphora-config.cmake.in amphora-config.cmake
	INSTALL_DESTINATION ${package}
	PATH_VARS CMAKE_INSTALL_INCLUDEDIR CMAKE_INSTALL_DATADIR)
write_basic_package_version_file(amphora-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/amphora-config.cmake
	${PROJECT_BINARY_DIR}/amphora-config-version.cmake DESTINATION ${package})
