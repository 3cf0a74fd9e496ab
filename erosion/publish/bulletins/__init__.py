"""Bulletins of a published run for people: PDF, DOCX and a text of at most 300 characters.

``facts`` reads the run, ``content`` puts it and what an officer writes into ``blocks``, ``pdf`` and ``docx_file`` write the
blocks, ``figure`` draws the map, ``short_text`` makes the text, ``make`` ties them together.
"""
