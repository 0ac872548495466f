"""Operations of the platform: facts -> plan -> run -> report.

It knows the platform by its command line and over HTTP only.
"""
